"""Descriptions of networks as data: nodes, edges, shapes, masks, and how they are shown."""
