"""What an engine must do, by name: one test a row of the behaviour list, its id first."""
