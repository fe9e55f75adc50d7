"""What stands behind a trigger: the production decision, and its rivals on the same footing."""
