"""What runs beside a model: the rooms under here know nothing of each other, nor of the scaler."""
