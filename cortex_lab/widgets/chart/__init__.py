"""What views are made of: scales, colors, tiles, and the base of them all."""
