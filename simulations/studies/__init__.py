"""What the notebooks call: traffic, runs over settings, pictures, and the values to paste."""
