"""A CrossGuard policy pack: `pulumi up --policy-pack infra/policy` refuses what breaks a rule, whoever wrote it."""
