"""The stages joined, with the world's adapters passed in."""
