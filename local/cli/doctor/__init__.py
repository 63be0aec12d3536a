"""`pokea doctor`: looks at a set-up; what that means is decided in `pokea.doctor`."""
