"""What stands before the routes: who may come, how many, how much, how long."""
