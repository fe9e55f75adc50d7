"""What prediction is worth, kept beside the decision: two model fleets on the same demand."""
