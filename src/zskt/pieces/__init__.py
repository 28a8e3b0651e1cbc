"""What methods are made of, one idea a file; no piece knows a method."""
