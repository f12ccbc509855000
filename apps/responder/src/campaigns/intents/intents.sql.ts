// Joins with arrays also filter the users by `= ANY`: only then does a planner without statistics use the key.
// Otherwise it assumes that a new table has a few rows, and compares each row with each element of the arrays.

/** `$1` campaign, `$2` users. Parked intents are queued again once the campaign is resumed. */
export const OPEN = `
WITH campaign AS (
  SELECT id, channels, paused FROM campaigns WHERE id = $1 AND status <> 'cancelled' FOR SHARE),
opened AS (
  INSERT INTO intents (user_id, campaign_id, channel, state)
  SELECT user_id, id, channel, CASE WHEN paused THEN 'parked' ELSE 'queued' END
  FROM campaign, unnest(channels) AS channel, unnest($2::int[]) AS user_id
  ON CONFLICT (user_id, campaign_id, channel)
  DO UPDATE SET state = 'queued' WHERE intents.state = 'parked' AND excluded.state = 'queued'
  RETURNING 1)
SELECT count(*) FROM opened`;

export const UNCLAIMED = `
SELECT campaign_id AS "campaignId", user_id AS "userId", channel FROM intents
WHERE campaign_id = $1 AND user_id = ANY($2::int[]) AND state = 'queued' AND entry IS NULL`;

/**
 * `$1` campaign, then arrays: users, channels, entries. The statement locks the campaign's row: a pause comes either
 * before it, and then the intent is parked and `resume` finds it, or after it.
 */
export const CLAIM = `
WITH campaign AS (
  SELECT id, paused FROM campaigns WHERE id = $1 AND status <> 'cancelled' FOR SHARE),
claimed AS (
  UPDATE intents i
  SET state = CASE WHEN c.paused THEN 'parked' ELSE 'sending' END, entry = CASE WHEN NOT c.paused THEN v.entry END
  FROM unnest($2::int[], $3::text[], $4::text[]) AS v(user_id, channel, entry), campaign c
  WHERE i.user_id = ANY($2::int[])
    AND i.user_id = v.user_id AND i.campaign_id = c.id AND i.channel = v.channel
    AND (i.state = 'queued' AND i.entry IS NULL OR i.state = 'sending' AND i.entry = v.entry)
  RETURNING i.campaign_id, i.user_id, i.channel, i.state, i.entry)
SELECT campaign_id AS "campaignId", user_id AS "userId", channel, entry FROM claimed WHERE state = 'sending'`;

/** `$1` campaign, then arrays: users, channels. A redriven dead letter undoes the failure of its intent. */
export const REOPEN = `
WITH campaign AS (
  SELECT id FROM campaigns WHERE id = $1 AND status <> 'cancelled' FOR UPDATE),
reopened AS (
  UPDATE intents i SET state = 'queued', entry = NULL, error = NULL
  FROM unnest($2::int[], $3::text[]) AS v(user_id, channel), campaign c
  WHERE i.user_id = ANY($2::int[])
    AND i.user_id = v.user_id AND i.campaign_id = c.id AND i.channel = v.channel AND i.state = 'exhausted'
  RETURNING i.campaign_id, i.user_id, i.channel),
counted AS (
  UPDATE campaigns c
  SET failed = c.failed - r.reopened, finished_at = NULL,
    status = CASE WHEN c.status = 'done' THEN 'sending' ELSE c.status END
  FROM (SELECT count(*) AS reopened FROM reopened) r WHERE c.id = $1 AND r.reopened > 0 RETURNING 1)
SELECT campaign_id AS "campaignId", user_id AS "userId", channel FROM reopened, (SELECT count(*) FROM counted) once`;

/**
 * `$1` campaign, then arrays: users, channels, entries. An entry that had claimed an intent comes back for another
 * attempt, but the campaign is cancelled: its message is not in flight any more and will never be sent.
 */
export const DROP = `
WITH campaign AS (
  SELECT id FROM campaigns WHERE id = $1 AND status = 'cancelled' FOR UPDATE),
dropped AS (
  UPDATE intents i SET state = 'parked', entry = NULL
  FROM unnest($2::int[], $3::text[], $4::text[]) AS v(user_id, channel, entry), campaign c
  WHERE i.user_id = ANY($2::int[])
    AND i.user_id = v.user_id AND i.campaign_id = c.id AND i.channel = v.channel
    AND i.state = 'sending' AND i.entry = v.entry
  RETURNING 1),
counted AS (
  UPDATE campaigns c
  SET in_flight = greatest(0, c.in_flight - d.messages),
    finished_at = CASE WHEN c.in_flight <= d.messages THEN coalesce(c.finished_at, now()) END
  FROM (SELECT count(*) AS messages FROM dropped) d WHERE c.id = $1 AND d.messages > 0 RETURNING 1)
SELECT count(*) FROM counted`;

/** `$1` campaign, then arrays: users, channels, states, errors. Only intents whose state changes are counted. */
export const SETTLE = `
WITH campaign AS (
  SELECT id FROM campaigns WHERE id = $1 FOR UPDATE),
settled AS (
  UPDATE intents i SET state = v.state, error = v.error
  FROM unnest($2::int[], $3::text[], $4::text[], $5::text[]) AS v(user_id, channel, state, error), campaign c
  WHERE i.user_id = ANY($2::int[])
    AND i.user_id = v.user_id AND i.campaign_id = c.id AND i.channel = v.channel
    AND i.state IN ('queued', 'sending')
  RETURNING i.state),
result AS (
  SELECT count(*) FILTER (WHERE state = 'sent') AS sent, count(*) FILTER (WHERE state <> 'sent') AS failed FROM settled),
ticked AS (
  INSERT INTO campaign_ticks AS t (campaign_id, second, settled)
  SELECT $1, extract(epoch FROM now())::int, sent + failed FROM result WHERE sent + failed > 0
  ON CONFLICT (campaign_id, second) DO UPDATE SET settled = t.settled + excluded.settled
  RETURNING 1),
counted AS (
  UPDATE campaigns c
  SET sent = c.sent + r.sent, failed = c.failed + r.failed,
    audience = greatest(c.audience, c.sent + r.sent + c.failed + r.failed),
    status = CASE WHEN c.status = 'sending' AND c.sent + r.sent + c.failed + r.failed >= c.audience THEN 'done'
      ELSE c.status END,
    paused = c.paused AND NOT (c.status = 'sending' AND c.sent + r.sent + c.failed + r.failed >= c.audience),
    in_flight = CASE WHEN c.status = 'cancelled' THEN greatest(0, c.in_flight - r.sent - r.failed) ELSE 0 END,
    finished_at = CASE WHEN c.status = 'sending' AND c.sent + r.sent + c.failed + r.failed >= c.audience THEN now()
      WHEN c.status = 'cancelled' AND c.in_flight <= r.sent + r.failed THEN coalesce(c.finished_at, now())
      ELSE c.finished_at END
  FROM result r WHERE c.id = $1 RETURNING 1)
SELECT (SELECT count(*) FROM ticked) + (SELECT count(*) FROM counted) AS changes`;
