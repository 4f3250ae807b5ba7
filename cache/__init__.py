"""What has been computed is remembered here, and what is being computed runs here."""
