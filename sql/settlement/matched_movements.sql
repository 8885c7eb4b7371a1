-- Movements that execute a transfer instructed for the month (`outstanding`): between the same two bank accounts, of the same fund and
-- amount, the first that is due with the first that moved. A movement both banks show is matched in the statements of both.
WITH instructed AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY fund, payer_account, receiver_account, amount ORDER BY due, transfer_id) AS n
  FROM outstanding
),
moved AS (
  SELECT
    file_id, line_id, fund, amount, account_no,
    CASE WHEN net < 0 THEN account_no ELSE counterparty END AS payer_account,
    CASE WHEN net < 0 THEN counterparty ELSE account_no END AS receiver_account,
    booked_date
  FROM account_movements
)
SELECT
  moved.file_id, moved.line_id, instructed.transfer_id, instructed.city_flow, instructed.city_sign, instructed.county_flow,
  instructed.county_sign
FROM instructed
JOIN (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY account_no, fund, payer_account, receiver_account, amount ORDER BY booked_date, file_id, line_id
    ) AS n
  FROM moved
) AS moved
  USING (fund, payer_account, receiver_account, amount, n)
