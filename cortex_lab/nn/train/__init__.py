"""Training, as a Process: the parts that its phases are made by, what can be edited in it, its files."""
