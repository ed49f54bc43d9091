"""The routes and the forms that they take."""
