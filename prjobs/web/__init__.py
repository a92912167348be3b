"""HTTP in: the five endpoints of the contract, the appliance's own API, and the monitor page."""
