"""What the appliance costs, as ratios measured side by side: `python -m tests.bench`."""
