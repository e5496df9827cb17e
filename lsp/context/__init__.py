"""What can be known of a cursor's place from the text alone: language, blocks, brackets, gates."""
