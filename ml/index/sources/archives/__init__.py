"""Archives as sources: tar and zip files, unpacked within limits."""
