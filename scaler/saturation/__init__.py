"""What one replica carries, learned from the times when all of them were full."""
