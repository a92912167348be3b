"""The cloud link: the site runs jobs from the cloud's page, and the page shows their statuses.

`link` puts the parts together. `reading` lists the cloud's jobs by sweeps, `importing` stores the jobs, `judging` finds
the jobs withdrawn by a cancel_all, `pushing` sends statuses, `forwarding` hands jobs of the site to the cloud. All
parts share one `connection`. No part calls the cloud's getnewjobs for the primary queue: the cloud marks jobs as taken
before the answer arrives.
"""
