"""Services outside this appliance: asked in the background, judged strictly, never waited for by a user."""
