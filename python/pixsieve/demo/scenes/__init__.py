"""What is in the pictures: one file for each class."""
