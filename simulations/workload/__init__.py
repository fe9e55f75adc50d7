"""What arrives: requests with their times and lengths, read from files or made up."""
