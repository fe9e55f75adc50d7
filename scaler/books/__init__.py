"""What runs beside the decision: the ledger, the mode in force, memory, and notices."""
