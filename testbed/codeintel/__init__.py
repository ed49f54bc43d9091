"""The project itself on the test cluster: its models, stores, assistant and training, as its own program writes them."""
