"""Archives as sources: tar and zip in their many forms, unpacked within limits."""
