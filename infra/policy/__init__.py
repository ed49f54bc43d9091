"""A CrossGuard policy pack: `pulumi up --policy-pack infra/policy` rejects objects that break a rule."""
