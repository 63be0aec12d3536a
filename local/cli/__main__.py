"""`python -m local.cli`: the `pokea` command."""

from local.cli.main import main

if __name__ == "__main__":
    main()
