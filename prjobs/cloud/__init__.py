"""The cloud link: jobs asked for on the cloud's page run at the site, and their statuses appear there.

`link` puts the parts together, one for each direction: `reading` lists the cloud's jobs by sweeps and `importing`
stores them, `judging` decides what a cancel_all withdrew, `pushing` sends statuses, `forwarding` hands the site's own
jobs to the cloud. All of them ask the cloud through one `connection`. None calls the cloud's getnewjobs for the primary
queue, which takes jobs away before its answer arrives.
"""
