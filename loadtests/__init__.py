"""Load tests by Locust; each file runs against any address: `locust -f loadtests/FILE.py --host http://…`."""
