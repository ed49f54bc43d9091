"""Other projects' own controllers, from their Go modules and charts: Knative, KServe, Trainer, Prometheus."""
