"""The double of Pulumi's engine: preview, up and destroy of a program against a real API server."""
