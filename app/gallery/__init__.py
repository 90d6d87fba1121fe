"""What the Gallery shows, finds and keeps."""
