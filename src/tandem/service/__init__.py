"""What the product does, one noun a file. Services know the seams, never a backend or a wire."""
