"""Caller names that the offline engine understands. A real model understands any."""

NAMES = (
    "Amina Hassan",
    "Grace Wanjiru",
    "Peter Kamau",
    "Joyce Atieno",
    "Samuel Kiprop",
    "Esther Mutua",
    "Daniel Otieno",
    "Mercy Chebet",
    "Victor Barasa",
    "Sharon Achieng",
    "Michael Brown",
    "Caroline Taylor",
    "Benjamin Clarke",
    "Naomi Walker",
    "Patrick Johnson",
    "Teresa Murphy",
    "Hannah Njeri",
    "Brian Omondi",
    "Lucy Wambui",
    "Joseph Maina",
)
