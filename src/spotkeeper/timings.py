"""Every wait, window and age of the tool, each with its reason; the agent has its own."""

from datetime import timedelta

# EC2's consistency

#: EC2 is eventually consistent: a thing created a moment ago may not be listed yet. After this
#: long an empty list is believed (docs/reference/aws.md).
VISIBILITY_WINDOW = timedelta(seconds=300)

#: How long a call to launch may be under way before its answer is given up.
LONGEST_CALL = timedelta(seconds=60)

# The life of a machine

#: From the cancellation to the end of the instance; the Scheduler keeps its time to a minute
#: ("Schedule types", EventBridge Scheduler User Guide).
TERMINATE_AFTER = timedelta(minutes=2)

#: A machine that runs so long after its deadline is not ended by its guard any more: that looks
#: every minute, and a shutdown that hangs is escalated after five.
GUARD_SLACK = timedelta(minutes=8)

#: A schedule must lie ahead when it is made.
SOONEST_SCHEDULE = timedelta(minutes=1)

#: A deadline that a budget sets is moved when it is off by more than this.
DEADLINE_TOLERANCE = timedelta(minutes=2)

#: The end of what a budget can buy: a price of nearly nothing lasts for ever.
LONGEST_LIFE = timedelta(days=3650)

#: Pauses before the Scheduler is asked again. A role that was made a moment ago is not known
#: everywhere yet, and a schedule that was made a moment ago may not be found yet.
SCHEDULE_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (2, 5))

#: Pauses between repeats of a launch call that got no answer; the token makes them harmless.
LAUNCH_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (1, 3, 9))

#: How long a machine lives unless told otherwise: a forgotten one costs a day at the most.
DEFAULT_LIFE = timedelta(hours=24)

#: ValidUntil of a box that is to live for ever; EC2's documents disagree on the default.
FOR_EVER = timedelta(days=3650)

#: A machine needs minutes to start: less than this to its deadline is no life.
SHORTEST_LIFE = timedelta(minutes=10)

#: From the end of a boot to the first login: a machine that is idle for less is not left alone.
SHORTEST_IDLE = timedelta(minutes=1)

#: How long after the deadline a box's request, and so its stopped instance, is kept. The request's
#: ValidUntil cannot be moved later, and EC2 ends a stopped instance whose request expires.
KEEP_AFTER_DEADLINE = timedelta(days=7)

#: An instance so much younger than its persistent request is not the request's first one.
MUCH_YOUNGER = timedelta(minutes=30)

#: Between two looks at something that changes: short at first, since most of it is quick,
FIRST_PAUSE = timedelta(seconds=0.5)

#: and soon as long as this: EC2 throttles who asks without end.
LONGEST_PAUSE = timedelta(seconds=5)

#: How old a claim may be when a launch is asked for; the answer may take a minute to be given up.
LAUNCH_WITHIN = VISIBILITY_WINDOW - timedelta(seconds=60)

#: Until then nobody can tell whether a claim's launch is still to come, or not yet listed.
CLAIM_YOUNG = 2 * VISIBILITY_WINDOW

# Billing

#: From the notice to the end (UserGuide/spot-instance-termination-notices.html).
NOTICE = timedelta(minutes=2)

#: The first hour costs nothing where EC2 interrupts in it ("Billing for interrupted Spot
#: Instances", EC2 User Guide).
FREE_WHEN_INTERRUPTED_WITHIN = timedelta(hours=1)

#: Billing of Linux instances ("Costs" in docs/reference/aws.md): by the second, a minute at least
#: at every start, and free where EC2 interrupts within the first hour.
SHORTEST_BILLED = timedelta(minutes=1)

# Risk

#: What happened a week ago counts half: markets change with the weeks.
EXPERIENCE_HALF_LIFE = timedelta(days=7)

#: A pool that had no room a moment ago rarely has it again at once.
COOL_DOWN = timedelta(minutes=15)

# Answers that are remembered, and calls that are waited for

#: checkip answers in a tenth of a second; who waits longer is behind something.
ADDRESS_TIMEOUT_SECONDS = 5.0

#: An image never changes under its id; default subnets hardly ever do, and a launch that meets a
#: vanished one forgets it.
IMAGE_AGE = timedelta(days=7)

#: Default subnets hardly ever change; one that is gone is forgotten when EC2 says so.
SUBNET_AGE = timedelta(days=1)

#: botocore's own is a minute, which is a long time before a terminal; SPOT_TIMEOUT changes it.
CALL_TIMEOUT_SECONDS = 20.0

#: AWS refuses a signature that is five minutes off; a clock so wrong is told before.
CLOCK_SKEW_ALLOWED = timedelta(minutes=4)

#: A type never changes; new ones come every few weeks.
CATALOG_AGE = timedelta(days=7)

#: On-Demand prices change a few times a year.
ON_DEMAND_AGE = timedelta(days=1)

#: For `--offline` any age will do: it is told.
LAST_PRICES_AGE = timedelta(days=365)

#: A whole market is megabytes: it is not written to the disk at every look.
PRICES_KEPT_FOR = timedelta(minutes=5)

#: A region that sends nothing at all for so long is said not to answer.
SCAN_TIMEOUT_SECONDS = 10.0

#: A region that gives no page for so long is not waited for, boto3's repeats included.
SCAN_SILENCE_SECONDS = 30.0

#: Whoever watches is told at least this often.
SCAN_TICK_SECONDS = 1.0

#: The Spot Advisor's feed is made anew a few times a day.
ADVISOR_AGE = timedelta(hours=12)

#: The pricing page's file is made anew every few minutes, and prices move by the hour.
PUBLIC_PRICES_AGE = timedelta(minutes=30)

#: Where the feed does not answer, the last one is better than none; its age is told.
PUBLIC_FEED_KEPT_FOR = timedelta(days=365)

#: A feed that failed is left alone for a while, so that not every command waits for it.
PUBLIC_FEED_PAUSE = timedelta(minutes=5)

#: The feeds are files of a few megabytes on a CDN.
PUBLIC_FEED_TIMEOUT_SECONDS = 10.0

#: Machines come and go, so what they leave of a quota is soon wrong.
QUOTA_AGE = timedelta(minutes=5)

#: A new region comes once or twice a year.
REGION_NAMES_AGE = timedelta(days=30)

#: Who enables a region waits for it anyway; `--refresh` looks at once.
ENABLED_REGIONS_AGE = timedelta(days=1)

#: A score is about capacity now, and EC2 counts the questions of a day.
SCORES_AGE = timedelta(minutes=15)

#: EC2 limits new questions for scores to about ten in this time.
SCORE_QUESTIONS_WITHIN = timedelta(hours=24)

#: Prices of disks change once in years.
STORAGE_PRICES_AGE = timedelta(days=1)

# What is waited for in a verb

#: An instance that came up so soon after its request was there from the beginning.
THERE_FROM_THE_BEGINNING = timedelta(minutes=10)

#: How long a single thing is waited for that something else still holds.
SWEEP_PATIENCE = timedelta(minutes=2)

# Reaching a machine

#: A port that is filtered never answers; one that is open does in a round trip.
SSH_PORT_TIMEOUT_SECONDS = 3.0

#: A machine that runs answers within seconds; who waits longer is behind a wall.
SSH_CONNECT_SECONDS = 10

#: The AWS CLI needs seconds to start, and as many until AWS has made a tunnel.
TUNNEL_SECONDS = 30

#: A connection on which so many questions in a row were not answered is given up.
SSH_ALIVE_SECONDS = 5
SSH_ALIVE_TIMES = 6

#: Between two looks at the output of a run: soon enough to read along, and no load for anybody.
LOOK_AT_LOG = timedelta(seconds=1)

#: Between two looks at what else the machine of a silent run has to say; its agent hurries less.
LOOK_AT_RECORD = timedelta(seconds=30)

#: Between two tries to open forwarded ports again: soon after a blink, then without any haste.
FORWARD_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (1, 2, 5, 10, 30))

# What is told

#: Younger facts are told as of now.
JUST_NOW = timedelta(minutes=1)

#: Without a terminal a wait is mentioned this often.
QUIET_FOR = timedelta(seconds=15)
