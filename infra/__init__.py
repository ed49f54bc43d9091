"""The platform as code: the virtual machine by Terraform, the cluster by Pulumi, dashboards by Grafana's SDK."""
