"""The cloud link: jobs asked for on the cloud's page run at the site, and their statuses appear there.

`link` calls the others: `sweep` and `importing` bring jobs in, `judging` decides what a cancel_all withdrew,
`pushing` sends statuses out, `forwarding` hands the site's own jobs to the cloud. None of them calls the cloud's
getnewjobs, which takes jobs away before their answer arrives.
"""
