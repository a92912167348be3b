"""prjobs: the Photon Ranch jobs service as a self-hosted appliance for one observatory."""
