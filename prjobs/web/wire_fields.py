"""The meaning of the fields of the wire contract, by name, for the description of the API."""

CONTRACT_FIELDS = {
    "statusId": "The status in the primary queue, #, and the id: `UNREAD#01…`.",
    "replicaStatusId": "The status in the alternate queue, #, and the id.",
    "newStatus": "The status of the job, such as STARTED, COMPLETE or FAILED; other words are shown as they are.",
    "secondsUntilComplete": "The seconds until the job is complete; -1 for no estimate.",
    "replicaSecondsUntilComplete": "The estimate in the alternate queue; absent before the first report there.",
    "JobDocument.secondsUntilComplete": "The seconds until the job is complete, -1 for no estimate; absent before the "
    "first report.",
    "alternateQueue": "True for the alternate queue; absent or null for the primary queue.",
    "timestamp_ms": "The time of sending, the time part of the id.",
    "timeRange": "The largest age of a job, in milliseconds; one day where absent.",
    "deviceType": "The kind of device, such as camera.",
    "deviceInstance": "The name of the device.",
    "wait": "The seconds for which the answer may be held while there is nothing to tell; 25 at most.",
    "poll_id": "An id of the poll: a poll asked again with the id gets the same jobs.",
    "lease": "The seconds after which jobs without a report go back to the queue; 1 day at most.",
    "GetNewJobs.deviceType": "Only jobs of this kind of device.",
    "GetNewJobs.deviceInstance": "Only jobs of the device with this name.",
    "flush": "True where the program throws the answer away: waiting jobs are withdrawn, and the answer is empty.",
    "message": "A remark on the status, kept and shown with the job.",
    "ResponseMetadata": "The status of the answer, as the original service has it.",
    "HTTPStatusCode": "Always 200.",
}
