"""Learning from labelled images: recipe, loop, and the loss with a teacher or without."""
