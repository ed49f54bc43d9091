module Retry

function retry(call)
    call()
end

end
