"""What is measured between sites and of machines, and the grades that follow from it."""
