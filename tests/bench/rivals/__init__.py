"""What a user might run instead of prjobs, over HTTP, on the same work: submit, take, two reports, each durable."""
