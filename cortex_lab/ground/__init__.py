"""What every room stands on: it imports nothing of ours, and every room may import it."""
