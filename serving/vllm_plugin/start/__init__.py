"""A start as its phases: marks that processes leave, and the record that they make."""
