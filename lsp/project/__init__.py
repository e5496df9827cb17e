"""The open folders: which of their files may be read, and which programs may be run."""
