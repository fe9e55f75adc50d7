"""What stands behind the seams of `scaler.ports`."""
