"""What is wrong with a set-up, decided from what somebody looked at. The looking is `local.cli.doctor`."""
